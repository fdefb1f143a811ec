PACKAGECONFIG:append = " unit-failure-monitor"
do_install:append() {
    install -d ${D}${systemd_system_unitdir}/xyz.openbmc_project.ObjectMapper.service.d
    echo "[Unit]" >${D}${systemd_system_unitdir}/xyz.openbmc_project.ObjectMapper.service.d/board.conf
}
