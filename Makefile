# `make` lists the targets. Each sets up what it needs and is quick the second time.
PROMPT ?= a red apple
MODEL ?= Models/small
OUT ?= out/demo.png
export PROMPT MODEL OUT

swift_flags := --pkg-config-path "$(CURDIR)/.libtorch/pkgconfig" \
  -Xlinker -rpath -Xlinker "$(CURDIR)/.libtorch/lib"

.PHONY: help setup build demo test fuzz bench format lint docs clean

help:
	@echo 'make setup    find or fetch LibTorch and the C libraries'
	@echo 'make build    build the release command, .build/release/unclip'
	@echo 'make demo     draw PROMPT="a red apple" with MODEL=Models/small into OUT=out/demo.png'
	@echo 'make test     build and run every test'
	@echo 'make fuzz     give each parser a minute of changed files'
	@echo 'make bench    measure against the Python peers'
	@echo 'make format   format the sources'
	@echo 'make lint     check the formatting and the rules of the tree'
	@echo 'make docs     build the documentation into .build/docs'
	@echo 'make clean    remove what was built; .libtorch stays'

setup:
	@Scripts/setup

build: setup
	@swift build -c release --product unclip $(swift_flags)

demo: build
	@.build/release/unclip generate "$$PROMPT" --model "$$MODEL" --seed 0 --out "$$OUT" --force

test: setup
	@swift test --disable-xctest $(swift_flags)

fuzz: setup
	@Fuzz/run

bench: setup
	@Scripts/bench

format:
	@swift format --in-place --recursive --parallel Package.swift Sources Tests Fuzz/Package.swift Fuzz/Sources

lint:
	@swift format lint --strict --recursive --parallel Package.swift Sources Tests Fuzz/Package.swift Fuzz/Sources
	@Scripts/check

docs: setup
	@Scripts/docs

clean:
	@rm -rf .build out
