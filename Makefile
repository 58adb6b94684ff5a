.PHONY: run test check bench fuzz long

run: ## start Usher on the embedded store
	go run ./cmd/usher serve

test: ## all tests
	go run ./cmd/internal/test

check: ## what a change must pass
	./.ci/run

bench: ## the speed table of README.md, on this machine
	./docs/bench/run

FUZZTIME ?= 60s
fuzz: ## every fuzz target, a minute each
	@for pkg in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$pkg || exit 1; \
	  done; \
	done

# The tests of reliability in their full size, on two cores about an hour. All that
# USHER_TEST_LONG makes longer is in the packages where it stands:
#   R4   210 histories a store (SQLite 20 s, MongoDB 6 min)
#   R5   1,000 kills under writes (6 min), 100 with every rule checked (1 min), the log damaged at each byte of a change (20 min)
#   R6   20 times the primary lost, every 10 s (4 min)
#   R7   10,000 tries through every entrance, on SQLite (1 min) and of two processes (4 min)
#   R9   10,000 steps with lost answers, as a client and as an administrator (3 min)
#   R12  300 rounds of a quiet tenant beside a noisy one (4 min)
#   R14  200 restarts (2 min)
#   K09  256,000 requests that are hung up on (8 min)
#   K66  600 previews that something comes after (1 min)
#   the invariants over 100,000 random changes, of which every sixth is sent again (6 min)
# The 100,000 pairs of filter and person (R17) are in every run.
long: ## the tests of reliability in their full size, over an hour
	USHER_TEST_LONG=1 go test -count=1 -p 1 -timeout 3h ./directory/store/mongo \
	  $$(grep -rl --include='*_test.go' USHER_TEST_LONG . | xargs -n1 dirname | sort -u)
