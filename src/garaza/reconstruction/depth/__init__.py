"""Dense depth for rectified keyframes with known cameras, by geometry alone."""
