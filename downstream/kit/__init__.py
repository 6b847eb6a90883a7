"""hear-eval-kit's folders: embeddings, labels and scores, read and written."""
