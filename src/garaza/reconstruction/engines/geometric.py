"""The default engine: structure from motion and multi-view stereo on the CPU, with nothing to download."""

from __future__ import annotations

from garaza.reconstruction.cameras.colmap import Model
from garaza.reconstruction.cameras.structure_from_motion import find_cameras, straighten
from garaza.reconstruction.checkpoints import Checkpoints
from garaza.reconstruction.depth.estimate import estimate_depth
from garaza.reconstruction.frames import Keyframes
from garaza.reconstruction.prediction import Prediction
from garaza.reconstruction.progress import Monitor, Stage
from garaza.reconstruction.quality import QualitySettings


class GeometricEngine:
    """Incremental structure from motion (pycolmap), then plane-sweep stereo with semi-global matching."""

    name = "geometric"

    def predict(
        self, keyframes: Keyframes, settings: QualitySettings, monitor: Monitor, checkpoints: Checkpoints
    ) -> Prediction:
        """See `engine.Engine.predict`."""
        # What is kept has no pictures in it, 93 MB of them at standard quality: half a second straightens them again.
        model = checkpoints.once(
            Stage.CAMERAS, Model, "Finding out where the camera was", lambda: find_cameras(keyframes, monitor)
        )
        with monitor.stage(Stage.DEPTH, "Measuring how far everything is"):
            monitor.report(0.0, "Straightening the pictures")
            sparse = straighten(model, keyframes.images)
            depth, confidence = estimate_depth(sparse, settings, monitor)
        return Prediction(
            engine=self.name,
            frame_indices=sparse.frame_indices,
            images=sparse.images,
            intrinsics=sparse.intrinsics,
            extrinsics=sparse.extrinsics,
            depth=depth,
            confidence=confidence,
            points=sparse.points,
            point_colours=sparse.point_colours,
        )
