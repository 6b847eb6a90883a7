"""Tests of effective receptive fields."""
