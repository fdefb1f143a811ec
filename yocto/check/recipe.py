"""Parses the layer with bitbake's own parser and, when asked to, runs the recipe's tasks.

usage: recipe.py parse            (in a build folder with conf/bblayers.conf and conf/local.conf)
       recipe.py run TASK...

PyPI carries bitbake's `bb` module, without its command and without oe-core. So this drives bitbake's cooker in one process,
over the stand-ins for oe-core and meta-phosphor beside this file. `parse` prints what bitbake chose and computed, as
NAME=VALUE lines for phosphor-objmgr. `run` executes tasks of the chosen recipe, each with bitbake's own
function for that.
"""
import logging
import os
import sys
import types


def leave_out(*names):
    """The two network services of bitbake that its PyPI package lacks, and that a parse does not use."""
    for name in names:
        module = types.ModuleType(name)
        module.auto_start = lambda data: ""
        module.auto_shutdown = lambda: None
        module.PRServiceConfigError = type("PRServiceConfigError", (Exception,), {})
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
        sys.modules[name] = module


leave_out("hashserv", "hashserv.client", "prserv", "prserv.serv")

import bb.build  # noqa: E402
import bb.cooker  # noqa: E402
import bb.cookerdata  # noqa: E402
import bb.event  # noqa: E402
import bb.server.process  # noqa: E402


def cooked():
    """bitbake's cooker, with every recipe of every layer parsed."""
    bb.server.process.serverlog = lambda line: None
    cooker = bb.cooker.BBCooker()
    cooker.configuration.profile = []
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    bb.utils.set_context(bb.utils.clean_context())
    cooker.configuration.env = environment
    cooker.init_configdata()
    while cooker.updateCache():
        pass
    return cooker


def chosen(cooker, name):
    """The file of the recipe that a build would take, and its parsed variables."""
    _, _, _, file = cooker.findBestProvider(name)
    file = file or sys.exit("bitbake finds no recipe for " + name)
    file, _, mc = bb.cache.virtualfn2realfn(file)[0], None, ""
    layer = cooker.collections[mc].calc_bbfile_priority(file)[2]
    return file, cooker.databuilder.parseRecipe(file, cooker.collections[mc].get_file_appends(file), layer)


def main(command, *tasks):
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    cooker = cooked()
    file, data = chosen(cooker, "phosphor-objmgr")
    if command == "parse":
        print("FILE=" + os.path.basename(file))
        for name in ("PV", "PROVIDES", "PACKAGES", "PACKAGECONFIG_CONFARGS", "SHMAPPER_TRIPLE", "SHMAPPER_FLOAT", "SRC_URI", "SRCREV"):
            print("%s=%s" % (name, " ".join((data.getVar(name) or "").split())))
        for recipe, entry in sorted(cooker.skiplist_by_mc[""].items()):
            print("SKIPPED=%s: %s" % (os.path.basename(recipe), entry.skipreason))
    for task in tasks:
        data.setVar("BB_CURRENTTASK", task[len("do_"):])
        bb.utils.mkdirhier(data.getVar("T"))
        bb.build.exec_func(task, data)


main(*sys.argv[1:])
