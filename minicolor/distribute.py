"""A training step for several processes: gradients averaged over all, BatchNorm and dropout as of the whole batch.

PyTorch's DistributedDataParallel does the first: as soon as a bucket of gradients is ready it is on its way to the others, while
the backward pass goes on. A loss is a mean over pictures, and shares may differ by one, so fit() weights each process's losses by
its share (Step.share) before they are averaged.
"""

import inspect

from torch import nn
from torch.nn.parallel import DistributedDataParallel

from minicolor import parallel
from minicolor.errors import BadInput
from minicolor.models.dropout import SharedDropout
from minicolor.models.sync_norm import SyncBatchNormAct

# buffers are running statistics: equal anyway, and a broadcast between two passes would break the first one's graph.
# Older versions of torch have another name for it
SYNC = "forward_sync_buffers"
AS_THEY_ARE = {SYNC if SYNC in inspect.signature(DistributedDataParallel).parameters else "broadcast_buffers": False}


def distribute(step) -> None:
    """Let the step's networks, moved to the device, train with those of the other processes. One process: dropout alone.

    BadInput: several processes, and a step that cannot be shared.
    """
    if step.unshared and parallel.world() > 1:
        raise BadInput(f"{parallel.world()} processes cannot share this training: {step.unshared}; start it without torchrun")
    for name, network in step.networks.items():
        synchronize(network)
        if parallel.world() > 1 and any(p.requires_grad for p in network.parameters()):
            step.live[name] = DistributedDataParallel(network, **AS_THEY_ARE)


def synchronize(network: nn.Module) -> None:
    """Exchange every Dropout inside the network, and where there are several processes every BatchNorm2d.

    Parameters, buffers and state-dict names stay as they are.
    """
    for name, child in network.named_children():
        if isinstance(child, nn.BatchNorm2d):
            if parallel.world() > 1:
                setattr(network, name, SyncBatchNormAct.of(child))
        elif type(child) is nn.Dropout:
            setattr(network, name, SharedDropout(child.p).train(child.training))
        else:
            synchronize(child)
