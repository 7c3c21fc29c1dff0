"""Writes an event file with TensorBoard's own writer and protocol buffers, for TrainingLogTests.

Run by hand: python Scripts/golden/training.py
"""
import json

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

from common import Area

area = Area("training", __file__, peers=("tensorboard", "protobuf"))

# Lines of a log; steps of one, two and three bytes.
lines = [
    {"step": 1, "time": 1700000000.25, "loss": 3.5, "learning_rate": 1e-3, "gradient_norm": 2.25,
     "images_per_second": 16.0, "seconds": 0.5, "seconds_left": 150.5, "memory": 123456789,
     "parts": {"squared_error": 0.1}, "metrics": {}},
    {"step": 300, "time": 1700000151.75, "loss": 1.0, "learning_rate": 1e-5,
     "gradient_norm": 0.125, "images_per_second": 17.3, "seconds": 150.0, "seconds_left": 1e4,
     "memory": 223456789, "parts": {"bound": 7.0, "squared_error": 0.05},
     "metrics": {"held_out_count": 8.0, "held_out_image_to_text_1": 0.625}},
    {"step": 70000, "time": 1700003600.0, "loss": 1e-7, "learning_rate": 0.0,
     "gradient_norm": 0.0, "images_per_second": 0.0, "seconds": 3600.0, "seconds_left": 0.0,
     "memory": 1, "parts": {}, "metrics": {"größe": -1.5}},
]
fields = ("loss", "learning_rate", "gradient_norm", "images_per_second", "seconds",
          "seconds_left", "memory")

area.path("log.jsonl").write_text(
    "".join(json.dumps(line, sort_keys=True, ensure_ascii=False) + "\n" for line in lines),
    encoding="utf-8")
with area.path("events.out.tfevents.unclip").open("wb") as file:
    writer = RecordWriter(file)
    head = event_pb2.Event(wall_time=lines[0]["time"], file_version="brain.Event:2")
    writer.write(head.SerializeToString(deterministic=True))
    for line in lines:
        scalars = [(name, line[name]) for name in fields]
        scalars += [("parts/" + name, line["parts"][name]) for name in sorted(line["parts"])]
        scalars += [("metrics/" + name, line["metrics"][name]) for name in sorted(line["metrics"])]
        summary = summary_pb2.Summary(
            value=[summary_pb2.Summary.Value(tag=tag, simple_value=value)
                   for tag, value in scalars])
        event = event_pb2.Event(wall_time=line["time"], step=line["step"], summary=summary)
        writer.write(event.SerializeToString(deterministic=True))
    writer.flush()
area.finish()
