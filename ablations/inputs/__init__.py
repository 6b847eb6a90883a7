"""Files that users write: YAML, lists and folders of audio."""
