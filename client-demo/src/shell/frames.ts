/** Frames as the browser presents them. */

export interface FrameReport {
  /** Null where the browser does not say (it then has no media time either). */
  readonly rtpTimestamp: number | null;
  readonly presentedAt: number;
  readonly displayAt: number;
}

/** Calls `presented` for every frame of `video` until the returned function is called. */
export function watchFrames(
  video: HTMLVideoElement,
  presented: (frame: FrameReport) => void,
): () => void {
  const next = (_: number, metadata: VideoFrameCallbackMetadata) => {
    handle = video.requestVideoFrameCallback(next);
    const { rtpTimestamp = null, expectedDisplayTime } = metadata;
    presented({ rtpTimestamp, presentedAt: performance.now(), displayAt: expectedDisplayTime });
  };
  let handle = video.requestVideoFrameCallback(next);
  return () => video.cancelVideoFrameCallback(handle);
}
