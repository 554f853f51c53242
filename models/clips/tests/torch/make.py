"""Writes the fixtures beside it: small state dicts of random numbers, by torch.save itself (PyTorch 2.15).

    python make.py
"""
import collections
import torch

torch.manual_seed(1)
plain = collections.OrderedDict()
plain["a.weight"] = torch.arange(12, dtype=torch.float32).reshape(3, 4) / 8
plain["a.transposed"] = plain["a.weight"].T                      # same storage, other strides
plain["a.part"] = plain["a.weight"][1:, 1:3]                     # an offset into it
plain["half"] = torch.tensor([0.5, -2.0, 65504.0], dtype=torch.float16)
plain["brain"] = torch.tensor([1.0, -0.25], dtype=torch.bfloat16)
plain["double"] = torch.tensor([[1e-3]], dtype=torch.float64)
plain["steps"] = torch.tensor(7, dtype=torch.int64)
plain["mask"] = torch.tensor([True, False])
plain["bytes"] = torch.tensor([1, 255], dtype=torch.uint8)
plain["none"] = torch.zeros(0, 5)
torch.save(plain, "plain.pth")

module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
module[0].weight.data = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
nested = {"epoch": 3, "lr": 1e-4, "state_dict": module.state_dict(), "parameter": module[0].weight, "names": ["a", ("b", None)]}
torch.save(nested, "nested.pth")
torch.save(nested["state_dict"], "protocol4.pth", pickle_protocol=4)
torch.save(module, "module.pth")                                 # a whole pickled model
torch.save(plain, "legacy.pth", _use_new_zipfile_serialization=False)
