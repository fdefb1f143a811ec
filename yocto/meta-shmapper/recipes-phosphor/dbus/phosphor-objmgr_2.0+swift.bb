SUMMARY = "D-Bus object mapper with its database in shared memory"
DESCRIPTION = "\
    Answers the xyz.openbmc_project.ObjectMapper interface in place of the mapper of the same recipe name, and lets clients \
    look objects up in their own process. Embedded Swift: nothing of Swift is installed on the target. \
"
HOMEPAGE = "https://github.com/openbmc/docs/blob/master/architecture/object-mapper.md"
SECTION = "base"
CVE_PRODUCT = "openbmc:phosphor-objmgr"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://LICENSE;md5=3b83ef96387f14655fc854ddc3c6bd57"

# The compiler is the only part of Swift that the build needs; the target's gcc links.
DEPENDS = "libxml2 systemd virtual/swift-native"
PROVIDES += "libmapper"

# The sources are the repository that this layer is a folder of, at the commit that the layer has: nothing to keep in step,
# nothing to download. SHMAPPER_REPOSITORY and SHMAPPER_REVISION name another place.
def shmapper_revision(d):
    top = d.getVar('SHMAPPER_TOP')
    bb.parse.mark_dependency(d, os.path.join(top, '.git/logs/HEAD'))
    return oe.buildcfg.get_metadata_git_revision(top)

SHMAPPER_TOP = "${@os.path.abspath(os.path.dirname(d.getVar('FILE')) + '/../../../..')}"
SHMAPPER_TOP[vardepvalue] = ""
SHMAPPER_REPOSITORY ?= "git://${SHMAPPER_TOP};protocol=file"
SHMAPPER_REVISION ?= "${@shmapper_revision(d)}"
SRC_URI = "${SHMAPPER_REPOSITORY};nobranch=1"
SRCREV = "${SHMAPPER_REVISION}"

B = "${WORKDIR}/build"

# Off until asked for: PREFERRED_VERSION_phosphor-objmgr = "2.0+swift%"
DEFAULT_PREFERENCE = "-1"

inherit bash-completion pkgconfig systemd

SYSTEMD_SERVICE:${PN} = "\
    mapper-subtree-remove@.service \
    mapper-wait@.service \
    xyz.openbmc_project.ObjectMapper.service \
"

PACKAGECONFIG ??= ""
PACKAGECONFIG[unit-failure-monitor] = ",--without unit-failure-monitor,,"

# Boards with an armv5 keep the other mapper: their processor has no atomic instructions.
COMPATIBLE_HOST = "(aarch64|arm|x86_64).*-linux.*"
COMPATIBLE_HOST:armv4 = "null"
COMPATIBLE_HOST:armv5 = "null"

# The processor, and how its C library passes floats, as Embedded Swift calls them.
SHMAPPER_TRIPLE:aarch64 = "aarch64-none-none-elf"
SHMAPPER_TRIPLE:armv6 = "armv6-none-none-eabi"
SHMAPPER_TRIPLE:armv7a = "armv7-none-none-eabi"
SHMAPPER_TRIPLE:armv7ve = "armv7-none-none-eabi"
SHMAPPER_TRIPLE:x86-64 = "x86_64-unknown-linux-gnu"
SHMAPPER_FLOAT = "${@d.getVar('TARGET_FPU') if d.getVar('TARGET_ARCH') == 'arm' else ''}"

do_compile() {
    export HOME="${WORKDIR}"
    export CROSS_CC="${CC} ${LDFLAGS}"
    export CROSS_LIBS="-lsystemd -lxml2"
    export CROSS_INCLUDES="${STAGING_INCDIR} ${STAGING_INCDIR}/libxml2"
    export CROSS_FLOAT="${SHMAPPER_FLOAT}"
    ${S}/packaging/compile-for ${SHMAPPER_TRIPLE} ${B} \
        --disable-sandbox --skip-update --cache-path ${B}/cache --config-path ${B}/config --security-path ${B}/security \
        -Xswiftc -debug-prefix-map -Xswiftc ${S}=${TARGET_DBGSRC_DIR} -Xcc -fdebug-prefix-map=${S}=${TARGET_DBGSRC_DIR}
}

do_install() {
    ${S}/packaging/stage --products ${B}/${SHMAPPER_TRIPLE}/release --root ${D} --prefix ${prefix} --bindir ${bindir} \
        --libdir ${libdir} --libexecdir ${libexecdir} --includedir ${includedir} --datadir ${datadir} --mandir ${mandir} \
        --unitdir ${systemd_system_unitdir} ${PACKAGECONFIG_CONFARGS}
}

# libmapper as before; the other libraries each alone, so that an image holds only those that something links.
PACKAGE_BEFORE_PN = "libmapper libshmap libshmapper libshmapper-preload"
FILES:${PN} += "${datadir}/dbus-1"
# nooelint: oelint.var.filesoverride - a package of this recipe alone
FILES:libmapper = "${libdir}/libmapper.so.*"
# nooelint: oelint.var.filesoverride - a package of this recipe alone
FILES:libshmap = "${libdir}/libshmap.so.*"
# nooelint: oelint.var.filesoverride - a package of this recipe alone
FILES:libshmapper = "${libdir}/libshmapper.so.*"
# nooelint: oelint.var.filesoverride - a package of this recipe alone
FILES:libshmapper-preload = "${libdir}/libshmapper-preload.so"
# The preload library ends in .so and is no link for linkers.
FILES_SOLIBSDEV = "${libdir}/libmapper.so ${libdir}/libshmap.so ${libdir}/libshmapper.so"
