BBIMPORTS = ["buildcfg", "utils"]
