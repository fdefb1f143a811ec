# Stands for oe-core's class: what it adds happens after do_install.
