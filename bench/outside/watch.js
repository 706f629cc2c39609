/**
 * Watches a page from outside, with no help from it: keys as they go down, small grey copies of
 * what it shows, and how loud it is. Runs before the page's own scripts; leaves `window.bench`.
 * All moments are milliseconds of performance.now().
 */
(() => {
  const WIDTH = 48;
  const HEIGHT = 36;
  const BATCH = 8; // blocks of sound in one message

  const presses = []; // [moment, code]
  const frames = []; // [presented, expected on the screen, arrived, RTP timestamp], null if unknown
  const pictures = []; // one Uint8Array (HEIGHT * WIDTH) for each
  const levels = []; // [moment, root mean square of 128 samples]

  addEventListener(
    "keydown",
    ({ timeStamp, code, repeat, isTrusted }) => {
      if (isTrusted && !repeat) presses.push([timeStamp, code]);
    },
    { capture: true },
  );

  // A WebGL canvas is empty outside of the moment in which it is drawn, unless it is kept.
  const getContext = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (kind, settings) {
    const kept = /webgl/.test(kind) ? { ...settings, preserveDrawingBuffer: true } : settings;
    return getContext.call(this, kind, kept);
  };

  const small = new OffscreenCanvas(WIDTH, HEIGHT).getContext("2d", {
    alpha: false,
    willReadFrequently: true,
  });
  small.imageSmoothingQuality = "medium"; // every pixel of the large picture has a part in it

  const grey = (element) => {
    small.drawImage(element, 0, 0, WIDTH, HEIGHT);
    const { data } = small.getImageData(0, 0, WIDTH, HEIGHT); // throws where it is not readable
    const found = new Uint8Array(WIDTH * HEIGHT);
    for (let i = 0; i < found.length; i++)
      found[i] = (77 * data[4 * i] + 150 * data[4 * i + 1] + 29 * data[4 * i + 2]) >> 8;
    return found;
  };

  const watchVideo = (video) => {
    const next = (_, { expectedDisplayTime, receiveTime = null, rtpTimestamp = null }) => {
      const presented = performance.now();
      video.requestVideoFrameCallback(next);
      frames.push([presented, expectedDisplayTime, receiveTime, rtpTimestamp]);
      pictures.push(grey(video));
    };
    video.requestVideoFrameCallback(next);
  };

  // After the page's own callbacks of a frame have drawn: a message comes behind them.
  const watchDrawing = (element) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      frames.push([performance.now(), null, null, null]);
      pictures.push(grey(element));
    };
    const next = () => {
      port2.postMessage(null);
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  };

  const area = (element) => element.clientWidth * element.clientHeight;
  const largest = (selector) =>
    [...document.querySelectorAll(selector)].sort((a, b) => area(b) - area(a))[0];

  const TAP = `registerProcessor("bench-tap", class extends AudioWorkletProcessor {
    process([channels]) {
      this.blocks ??= [];
      let sum = 0;
      for (const channel of channels) for (const value of channel) sum += value * value;
      const count = channels.length * (channels[0]?.length ?? 0);
      this.blocks.push(currentFrame / sampleRate, count ? Math.sqrt(sum / count) : 0);
      if (this.blocks.length === ${2 * BATCH}) this.port.postMessage(this.blocks.splice(0));
      return true;
    }
  })`;
  const connect = AudioNode.prototype.connect;
  const taps = new WeakMap();

  /** A node of `context` that hears what is connected to it. */
  const tap = (context) => {
    if (!taps.has(context)) taps.set(context, addTap(context));
    return taps.get(context);
  };
  const addTap = async (context) => {
    const module = URL.createObjectURL(new Blob([TAP], { type: "text/javascript" }));
    await context.audioWorklet.addModule(module);
    const node = new AudioWorkletNode(context, "bench-tap");
    node.port.onmessage = ({ data }) => {
      const { contextTime, performanceTime } = context.getOutputTimestamp();
      if (performanceTime === 0) return; // nothing has come out yet
      for (let i = 0; i < data.length; i += 2)
        levels.push([performanceTime + 1000 * (data[i] - contextTime), data[i + 1]]);
    };
    connect.call(node, context.destination); // it adds silence; without, it would not run
    return node;
  };

  // What the page plays by Web Audio.
  AudioNode.prototype.connect = function (target, ...more) {
    if (target instanceof AudioDestinationNode && target.context instanceof AudioContext)
      tap(target.context).then((node) => connect.call(this, node));
    return connect.call(this, target, ...more);
  };

  /** What it plays by elements, now and with other streams later on. */
  const listen = async () => {
    const context = new AudioContext();
    const node = await tap(context);
    const heard = new WeakSet();
    const hear = (element) => {
      const stream = element.srcObject ?? element.captureStream();
      for (const track of stream.getAudioTracks()) {
        if (heard.has(track)) continue;
        heard.add(track);
        connect.call(context.createMediaStreamSource(new MediaStream([track])), node);
      }
    };
    for (const element of document.querySelectorAll("video, audio")) hear(element);
    addEventListener("playing", ({ target }) => hear(target), { capture: true });
  };

  const peers = [];
  window.RTCPeerConnection = class extends window.RTCPeerConnection {
    constructor(...settings) {
      super(...settings);
      peers.push(this);
    }
  };
  /** What the browser received over WebRTC (W3C webrtc-stats, inbound-rtp), in sums by kind. */
  const received = async () => {
    const sums = {};
    for (const peer of peers)
      for (const entry of (await peer.getStats()).values()) {
        if (entry.type !== "inbound-rtp") continue;
        sums[entry.kind] ??= {};
        for (const [name, value] of Object.entries(entry))
          if (typeof value === "number") sums[entry.kind][name] = (sums[entry.kind][name] ?? 0) + value;
      }
    return sums;
  };

  const base64 = (arrays) => {
    let bytes = "";
    for (const array of arrays) bytes += String.fromCharCode(...array);
    return btoa(bytes);
  };

  window.bench = {
    get now() {
      return performance.now();
    },
    get seen() {
      return frames.length;
    },
    /** Watch the element with this selector, or the largest that shows pictures. */
    async watch(selector) {
      const element = largest(selector ?? "video, canvas, img");
      if (element === undefined) return null;
      grey(element);
      if (element instanceof HTMLVideoElement) watchVideo(element);
      else watchDrawing(element);
      await listen();
      return element.localName;
    },
    received,
    /** At most `most` frames and all else since the last time; until there are no frames. */
    take(most) {
      const found = frames.splice(0, most);
      return {
        frames: found,
        pictures: base64(pictures.splice(0, found.length)),
        size: [HEIGHT, WIDTH],
        levels: levels.splice(0),
        presses: presses.splice(0),
      };
    },
  };
})();
