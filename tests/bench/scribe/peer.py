"""The clips through faster-whisper (CTranslate2, int8, one thread): one JSON line a clip, then one with time and memory.
usage: peer.py FOLDER-OF-CLIPS WEIGHTS VOCABULARY CONFIG TOKENIZER CLIP..."""
import json, os, resource, sys, tempfile, time, wave

import numpy
from faster_whisper import WhisperModel

clips, weights, vocabulary, config, tokenizer = sys.argv[1:6]
with tempfile.TemporaryDirectory() as folder:
    for path, name in ((weights, "model.bin"), (vocabulary, "vocabulary.txt"), (config, "config.json"), (tokenizer, "tokenizer.json")):
        os.symlink(os.path.abspath(path), os.path.join(folder, name))
    model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=1)
    spent = 0.0
    for clip in sys.argv[6:]:
        with wave.open(f"{clips}/{clip}.wav") as sound:
            samples = numpy.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2").astype(numpy.float32) / 32768
        began = time.process_time()
        segments, _ = model.transcribe(samples, language="en", beam_size=1, temperature=0.0,
                                       condition_on_previous_text=False, without_timestamps=False)
        text = " ".join(segment.text.strip() for segment in segments)
        spent += time.process_time() - began
        print(json.dumps({"id": clip, "text": text}))
    print(json.dumps({"cpu": spent, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
