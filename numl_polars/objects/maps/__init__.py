"""Pixel maps and voxel maps: hits and deposits on grids, with their truth."""
