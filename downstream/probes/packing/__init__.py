"""How fits are divided into packs: from their sizes alone, with nothing of their data.

`shape` has what a fit costs and `plan` divides; `memory` tells the errors that say there was none.
"""
