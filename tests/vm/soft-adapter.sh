#!/bin/sh
# In a guest with the ordinary kernel: an RDMA adapter in software (RoCE), over an interface of no use.
set -e
modprobe rdma_rxe
ip link add below0 type dummy
ip link set below0 up
rdma link add rxe0 type rxe netdev below0
