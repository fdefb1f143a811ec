# A program that uses libsystemd by a foreign function interface, out of the process's own search order.
import ctypes
import sys

ctypes.CDLL("libsystemd.so.0", mode=ctypes.RTLD_GLOBAL)
sd = ctypes.CDLL(None)
bus = ctypes.c_void_p()
assert sd.sd_bus_open_system(ctypes.byref(bus)) >= 0
MAPPER = b"xyz.openbmc_project.ObjectMapper"
for turn in range(20):
    for path in (b"/xyz/openbmc_project/sensors/t/a", b"/xyz/openbmc_project/sensors/t/nobody"):
        reply = ctypes.c_void_p()
        result = sd.sd_bus_call_method(
            bus, MAPPER, b"/xyz/openbmc_project/object_mapper", MAPPER, b"GetObject", None, ctypes.byref(reply),
            b"sas", path, 0)
        print(path.decode(), result)
        if result >= 0:
            sd.sd_bus_message_get_signature.restype = ctypes.c_char_p
            print(sd.sd_bus_message_get_signature(reply, 1).decode())
            sd.sd_bus_message_unref(reply)
sys.stdout.flush()
