/* LibTorch is a C++ library: only CTorch includes it. This header exists for the module map. */
