"""How codecs, state models and renderers are trained."""
