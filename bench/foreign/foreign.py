# Python's ctypes. Prints `what nanoseconds` lines.
import ctypes
import time

lib = ctypes.CDLL("./libforeign.so")
add = lib.add
add.argtypes = [ctypes.c_int64, ctypes.c_int64]
add.restype = ctypes.c_int64
count = 1_000_000
total = 0
start = time.perf_counter()
for i in range(count):
    total = add(1, i)
print("add", (time.perf_counter() - start) / count * 1e9)
