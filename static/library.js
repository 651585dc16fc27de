// The library page: the grid, and uploads into it.

import "./grid.js";
import "./upload.js";
