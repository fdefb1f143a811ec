# The tasks of a recipe, and what oe-core derives from PACKAGECONFIG and COMPATIBLE_HOST.
addtask do_fetch
addtask do_unpack after do_fetch
addtask do_compile after do_unpack
addtask do_install after do_compile
addtask do_build after do_install

do_build[nostamp] = "1"
do_build() {
    :
}
do_fetch[network] = "1"
python do_fetch() {
    bb.fetch2.Fetch((d.getVar('SRC_URI') or '').split(), d).download()
}
do_unpack[cleandirs] = "${UNPACKDIR}"
python do_unpack() {
    bb.fetch2.Fetch((d.getVar('SRC_URI') or '').split(), d).unpack(d.getVar('UNPACKDIR'))
}
do_compile[dirs] = "${B}"
do_compile() {
    :
}
do_install[cleandirs] = "${D}"
do_install[dirs] = "${B}"
do_install() {
    :
}

PACKAGECONFIG_CONFARGS = ""
python () {
    import re
    host = d.getVar('COMPATIBLE_HOST')
    if host and not re.match(host + '$', d.getVar('HOST_SYS')):
        raise bb.parse.SkipRecipe('incompatible with host %s' % d.getVar('HOST_SYS'))
    chosen = (d.getVar('PACKAGECONFIG') or '').split()
    arguments = []
    for flag, value in (d.getVarFlags('PACKAGECONFIG') or {}).items():
        if flag in ('doc', 'defaultval'):
            continue
        on, off = (value.split(',') + [''])[:2]
        arguments.append(on if flag in chosen else off)
    d.setVar('PACKAGECONFIG_CONFARGS', ' '.join(arguments))
}
