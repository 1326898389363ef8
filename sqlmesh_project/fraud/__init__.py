"""The rules of the fraud review, declared in YAML beside this file and checked on loading."""
