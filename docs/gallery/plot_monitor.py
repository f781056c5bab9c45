"""
Watch a network while it trains
===============================

`isorep.monitor.Monitor` compares the states of a network during training, and stores what it needs
to say afterwards when each layer had converged.
"""

import tempfile

import torch
from sklearn.datasets import load_digits

import isorep

_ = torch.manual_seed(0)
images, digits = load_digits(return_X_y=True)
x, y = torch.tensor(images / 16, dtype=torch.float32), torch.tensor(digits)
model = torch.nn.Sequential(
    torch.nn.Linear(64, 40),
    torch.nn.ReLU(),
    torch.nn.Linear(40, 40),
    torch.nn.ReLU(),
    torch.nn.Linear(40, 10),
)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

with tempfile.TemporaryDirectory() as folder:
    monitor = isorep.monitor.Monitor(x[:500], layers=["1", "3", "4"], store=folder, every=20)
    with monitor.start(model):
        for _step in range(200):
            batch = torch.randint(len(x), (100,))
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
            monitor.step()
    table = monitor.trajectory()

# %%
# The distance of each layer to its last state. Layers near 0 have stopped changing: their learning
# rate could be lowered, or their weights frozen.
isorep.plot.dynamics(table)
