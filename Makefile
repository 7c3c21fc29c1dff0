# `make` lists the targets. Each sets up what it needs and is quick the second time.
PROMPT ?= a red apple
MODEL ?= Models/small
OUT ?= out/demo.png
PREFIX ?= /usr/local
MPI ?=
export PROMPT MODEL OUT PREFIX DESTDIR MPI

pkg_config := --pkg-config-path "$(CURDIR)/.libtorch/pkgconfig"

# The command finds LibTorch from its own place: in an installation, else in this checkout. A copy of
# it that was put elsewhere finds it by the path of this checkout, which is not installed.
copied_flags := -Xlinker -rpath -Xlinker "$(CURDIR)/.libtorch/lib"
ifneq ($(MPI),)
  traits := --traits Command,MPI
endif
swift_flags := $(pkg_config) $(copied_flags) $(traits)
ifeq ($(shell uname -s),Darwin)
  release_flags := -Xlinker -rpath -Xlinker @executable_path/../lib/unclip \
    -Xlinker -rpath -Xlinker @executable_path/../../../.libtorch/lib
else
  release_flags := --static-swift-stdlib -Xlinker -rpath -Xlinker '$$ORIGIN/../lib/unclip' \
    -Xlinker -rpath -Xlinker '$$ORIGIN/../../../.libtorch/lib'
endif

.PHONY: help setup build stage install uninstall dist demo test fuzz bench format lint docs clean

help:
	@echo 'make setup    find or fetch LibTorch and the C libraries'
	@echo 'make build    build the release command, .build/release/unclip'
	@echo 'make install  install the command, its libraries and model into PREFIX=/usr/local'
	@echo 'make dist     pack a release for machines without Swift into dist/'
	@echo 'make demo     draw PROMPT="a red apple" with MODEL=Models/small into OUT=out/demo.png'
	@echo 'make test     build and run every test'
	@echo 'make fuzz     give each parser a minute of changed files'
	@echo 'make bench    measure against the Python peers'
	@echo 'make format   format the sources'
	@echo 'make lint     check the formatting and the rules of the tree'
	@echo 'make docs     build the documentation into .build/docs'
	@echo 'make clean    remove what was built; .libtorch stays'
	@echo 'MPI=1         with build, test or docs: training by several processes, such as make build MPI=1'

setup:
	@Scripts/setup

build: setup
	@swift build -c release --product unclip $(pkg_config) $(release_flags) $(copied_flags) $(traits)

stage: # what install would copy, in .build/stage
	@Scripts/install stage

install:
	@Scripts/install install

uninstall:
	@Scripts/install uninstall

dist: # Scripts/dist-check tries it
	@Scripts/dist

demo: build
	@.build/release/unclip generate "$$PROMPT" --model "$$MODEL" --seed 0 --out "$$OUT" --force

# A few tests at once: of all at once, those that wait come to their turn minutes late.
test: setup
	@swift test --disable-xctest --experimental-maximum-parallelization-width 4 $(swift_flags)

fuzz: setup
	@Fuzz/run

bench: setup
	@Scripts/bench

format:
	@swift format --in-place --recursive --parallel Package.swift Sources Tests Models Examples/Package.swift Examples/Sources Fuzz/Package.swift Fuzz/Sources

lint:
	@swift format lint --strict --recursive --parallel Package.swift Sources Tests Models Examples/Package.swift Examples/Sources Fuzz/Package.swift Fuzz/Sources
	@Scripts/check

docs: setup
	@Scripts/docs

clean:
	@rm -rf .build out dist
