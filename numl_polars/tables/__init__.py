"""HDF5 event files as columns: schema-named Arrow arrays, lazy frames, sequence keys."""
