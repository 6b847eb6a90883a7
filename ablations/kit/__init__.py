"""hear-eval-kit: exporting to it, probing its folders, and checking our scores against its own."""
