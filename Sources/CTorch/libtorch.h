// Included first by every file that includes LibTorch, so that a build without it says what to do.
#pragma once

#if !__has_include(<ATen/core/Tensor.h>)
#error "LibTorch is not set up: run `eval \"$(Scripts/setup --env)\"` of swift-unclip and build again; README.md, 'From Swift', tells more."
#endif
