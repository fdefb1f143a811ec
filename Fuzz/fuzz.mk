# Coverage-guided fuzzing with libFuzzer and AddressSanitizer: `make fuzz SECONDS_EACH=600`.
#
# What a fuzzer finds interesting is kept in .build-fuzz/NAME and used by the next run; an input that breaks something is written
# to .build-fuzz/NAME-crash-...; the corpora are in Fuzz/NAME/corpus, and `make fuzz-corpus` makes them anew.

FUZZERS := $(patsubst Fuzz/%/Fuzz.swift,%,$(wildcard Fuzz/*/Fuzz.swift))
FUZZ_PATH := $(CURDIR)/.build-fuzz
SECONDS_EACH ?= 30

.PHONY: fuzz fuzz-corpus
fuzz: need-build ## fuzz what reads hostile input, each for SECONDS_EACH=30
	@set -e; for name in $(FUZZERS); do \
	  SHMAPPER_FUZZ=1 $(SWIFT) build -c release --scratch-path $(FUZZ_PATH) --product fuzz-$$name \
	    -Xswiftc -sanitize=fuzzer,address -Xswiftc -parse-as-library -Xswiftc -use-ld=lld; \
	  mkdir -p $(FUZZ_PATH)/$$name; \
	  dictionary=Fuzz/$$name/dictionary; \
	  SWIFT_BACKTRACE=enable=no FUZZ_FOLDER=$(FUZZ_PATH) \
	    $(FUZZ_PATH)/release/fuzz-$$name -max_total_time=$(SECONDS_EACH) -timeout=5 -max_len=8192 \
	    -print_final_stats=1 -artifact_prefix=$(FUZZ_PATH)/$$name- $$([ -e $$dictionary ] && echo -dict=$$dictionary) \
	    $(FUZZ_PATH)/$$name Fuzz/$$name/corpus; \
	done

fuzz-corpus: ## the smallest corpora that reach what `make fuzz` has reached; seeds that have names stay
	@set -e; for name in $(FUZZERS); do \
	  rm -rf $(FUZZ_PATH)/merged && mkdir $(FUZZ_PATH)/merged; \
	  SWIFT_BACKTRACE=enable=no FUZZ_FOLDER=$(FUZZ_PATH) $(FUZZ_PATH)/release/fuzz-$$name -set_cover_merge=1 -timeout=5 \
	    $(FUZZ_PATH)/merged Fuzz/$$name/corpus $(FUZZ_PATH)/$$name; \
	  find Fuzz/$$name/corpus -regextype posix-egrep -regex '.*/[0-9a-f]{40}' -type f -delete; \
	  cp $(FUZZ_PATH)/merged/* Fuzz/$$name/corpus; \
	done
