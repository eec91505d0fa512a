"""Tools around the main job."""
