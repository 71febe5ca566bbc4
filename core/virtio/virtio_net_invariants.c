/*
 * The invariants of the slots of the network driver at the end of every poll, whatever the device
 * did: none is lost, none has two owners. A slot that is neither free nor the device's is parked by
 * the stack. See virtio_net.h.
 */
#include "../base/check.h"
#include "virtio_net.h"

void virtio_net_invariants(const struct virtio_net *n)
{
    CHECK(n->header_len == VIRTIO_NET_HDR_SIZE || n->header_len == VIRTIO_NET_HDR_SIZE_LEGACY);
    CHECK(n->rx_count >= 1);
    CHECK(n->rx_count <= VIRTIO_NET_FRAMES_MAX);
    CHECK(n->rx.in_flight <= n->rx_count);
    CHECK(n->tx_count <= VIRTIO_NET_FRAMES_MAX + NETDEV_PARKED_MAX + 1);
    CHECK(n->tx_free_count <= n->tx_count);
    CHECK(n->tx.in_flight <= n->tx_count - n->tx_free_count);
    CHECK(n->tx_count - n->tx_free_count - n->tx.in_flight <= NETDEV_PARKED_MAX);
    CHECK(n->rx.dev == &n->dev);
    CHECK(n->tx.dev == &n->dev);
}
