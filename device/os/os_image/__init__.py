"""The device image: kernel, verified root, signed UKI, disk, and the reference values that follow from them."""
