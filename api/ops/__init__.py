"""Operations: health, metrics, workers, queues and versions."""
