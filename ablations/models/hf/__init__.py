"""Audio encoders of the library transformers as models: by the name of their repository, or by a folder."""
