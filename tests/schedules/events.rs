//! What schedules are made for: each kind of event has to happen in enough of them.

macro_rules! events {
    ($($side:ident { $($event:ident)* })*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Event {
            $($($event,)*)*
        }

        impl Event {
            $(pub(crate) const $side: &'static [Self] = &[$(Self::$event),*];)*
        }
    };
}

events! {
    WRITE {
        // What producers do.
        Write WriteAll WritePrefix SinkItem CopiedWrite Permit PermitDrop Batching BatchingPanic
        Dispatch Flush FlushGivenUp Close IntoParts Abort HandleDrop TaskDrop ProducerDrop Cancel
        WakerChange WaitForAnswer
        // What they are told.
        Full WaitForRoom TooLarge Refused Ticket TicketFailed HandBack
        // What the writer does.
        WriterWrites PartialWrite VectoredWrite WriterFlushes FlushUnasked WriterCloses Pending Stall
        Error WriteZero OverReport Panic WriteFromWithin
        // The writer's task in one with producers.
        RunUntil RunUntilNested RunUntilDrop RunUntilLeft RunUntilPanic
    }
    READ {
        // Calls of the buffer.
        Read ReadReady ReadCancel ReadLimit BufferFull Reserve Split SplitMut Freeze Advance
        OutOfBounds TakeTail FromTail TailRefused Find Parse ParseUndone ParsePanic
        // Frames, and reads through the buffer.
        Frame FrameTruncated FrameTooLong FrameRejected FrameContradicted FramePanic FramesOver
        ThroughRead ThroughFill ThroughConsume
        // What readers do.
        ReaderPending ReaderStall ReaderError ReaderEnd ReaderLie ReaderPanic NeighbourRead
    }
}

/// Which kinds of events happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen(u128);

impl Seen {
    pub(crate) fn add(&mut self, event: Event) {
        self.0 |= 1 << event as u32;
    }

    pub(crate) fn has(self, event: Event) -> bool {
        self.0 >> event as u32 & 1 == 1
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
