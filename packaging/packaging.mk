# dist, install and cross: what is installed, for this machine and for the processors of the boards.

PREFIX ?= /usr
DESTDIR ?=
STRIP ?= strip
DIST := $(CURDIR)/dist
# The build id stays: strip that takes it out takes GNU_RELRO, the promise of a read-only offset table, along.
STRIP_ALL = --strip-unneeded --remove-section=.comment

.PHONY: dist install cross cross-test boot-test yocto-check

dist: build ## everything that is installed, stripped, under dist/usr, with a table of sizes
	@rm -rf $(DIST).new
	@packaging/stage --products $(EMBEDDED_BIN) --root $(DIST).new --strip '$(STRIP) $(STRIP_ALL)'
	@rm -rf $(DIST) && mv $(DIST).new $(DIST)
	@packaging/sizes "$$(uname -m)" $(DIST)

install: build ## install it: DESTDIR= PREFIX=/usr
	@packaging/stage --products $(EMBEDDED_BIN) --root '$(DESTDIR)' --prefix '$(PREFIX)' --strip '$(STRIP) $(STRIP_ALL)'

cross: need-swift ## the same for ARCH=armv7, armv6 or aarch64, under dist-ARCH/usr
	@packaging/cross '$(ARCH)'

cross-test: cross need-bus ## the daemon for ARCH under qemu against the recorded answers; SUBSET=1 for some of them
	@packaging/cross-test '$(ARCH)'

boot-test: dist ## boot a small Debian with real systemd from dist/ (root); BUS=dbus-broker
	@packaging/boot-test $(DIST)

yocto-check: need-swift ## lint the OpenEmbedded layer, parse it with bitbake, run its recipe's tasks
	@yocto/check/run

# The tests of the units ask systemd itself.
test: need-systemd
.PHONY: need-systemd
need-systemd:
	@scripts/need systemd
