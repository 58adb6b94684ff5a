.PHONY: run test check bench fuzz

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
