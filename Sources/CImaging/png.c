#include "CImaging.h"
#include <png.h>
