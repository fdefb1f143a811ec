SUMMARY = "Stands for what the recipe depends on"
LICENSE = "Apache-2.0"
PROVIDES += "libxml2 systemd virtual/swift-native"
