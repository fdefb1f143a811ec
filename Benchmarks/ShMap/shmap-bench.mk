# ShMap beside malloc, a private hash table, a robust pthread mutex and Boost.Interprocess.

SHMAP_BENCH := $(CURDIR)/.build-bench-shmap

.PHONY: bench-shmap
bench-shmap: build ## ShMap side by side with malloc and Boost.Interprocess
	@scripts/need g++ libboost-dev
	@mkdir -p $(SHMAP_BENCH)
	@ln -sf $(EMBEDDED_BIN)/liblibshmap.so $(SHMAP_BENCH)/libshmap.so.0
	@ln -sf libshmap.so.0 $(SHMAP_BENCH)/libshmap.so
	@c++ -O2 -std=c++17 -DNDEBUG -ISources/ShMap/Library/CShMap -o $(SHMAP_BENCH)/bench Benchmarks/ShMap/bench.cc \
	  -L$(SHMAP_BENCH) -lshmap -Wl,-rpath,$(SHMAP_BENCH) -lrt -lpthread
	@$(SHMAP_BENCH)/bench
