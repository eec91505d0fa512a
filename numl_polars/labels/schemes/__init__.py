"""The schemes that come with the package."""
