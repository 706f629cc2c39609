"""What people and agents played, as folders that anybody can read.

An episode is a folder:

    picture.mp4   every frame, H.264 4:4:4 near lossless (about 42 dB on Doom)
    sound.flac    mono, 16 bits, exactly the time of the frames; absent for silent worlds
    actions.npy   float32 (frames, controls): row i is what was held in frame i, which shows what
                  it did; buttons 0 or 1, then axes within their range, as `Actions` of the seam
    state.npy     optional float32 (frames, numbers): ammunition, health, ...
    labels.npy    optional float32 (boxes, 7): where things are, for judges alone
    meta.json     everything else: world, rates, size, controls, seed, source, licence, consent

It is written as NAME.part and renamed when it is whole, so a process that is killed or a disk that
fills loses the episode at hand and no other. `meta.json` has the size and the digest of each file.

Training reads frames in any order and many times, on machines without PyAV. So recordings are
decoded once into plain arrays (`pack`), which numpy alone maps into memory (`packed`).
"""
