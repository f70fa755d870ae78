"""Pure computation: frames → cameras → depth → fusion → mesh → texture → files. Knows no web, database or settings.

Start reading at `pipeline.reconstruct`; the conventions for every array are in `prediction`.
"""
