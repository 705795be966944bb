# Bundled networks and data.
dist_pkgdata_DATA = models/shapes10.npz models/shapes10.onnx
