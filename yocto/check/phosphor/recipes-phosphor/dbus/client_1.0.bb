SUMMARY = "Stands for a program that wants a mapper in the image"
LICENSE = "Apache-2.0"
DEPENDS = "libmapper"
RDEPENDS:${PN} = "phosphor-objmgr"
