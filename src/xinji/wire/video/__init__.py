"""Video: reading of camera streams (RTSP, HTTP, files), and an RTSP server of made pictures."""
