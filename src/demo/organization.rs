//! The whole organization: a plan of days and scenes, played from a seed.

use super::cast::{CONSUMERS, ConsumerCast};
use super::extras;
use super::incidents;
use super::layout::{self, GeneratedFile};
use super::mesh::MeshScene;
use super::noise;
use super::plan::DemoPlan;
use super::rare::RareScene;
use super::roads::RoadScene;
use super::scenes::{Scene, Stage};
use super::side::SideScene;
use super::truth::Truth;
use crate::model::time::UtcSecond;

/// Seconds from one chain of a consumer to its next: far enough that no two
/// chains of a data source can be taken for one another.
const SLOT_SECONDS: i64 = 300;

/// Where chains of a kind begin: in every fourth slot from the first one, so far behind its start,
/// apart from all others.
#[derive(Clone, Copy)]
struct DayPlace {
    first_slot: i64,
    offset_seconds: i64,
}

const RARE_PLACE: DayPlace = DayPlace {
    first_slot: 20,
    offset_seconds: 230,
};
const MESH_PLACE: DayPlace = DayPlace {
    first_slot: 22,
    offset_seconds: 200,
};
const ROADS_PLACE: DayPlace = DayPlace {
    first_slot: 23,
    offset_seconds: 262,
};

/// When, on the first day, producers share their tables.
const MESH_SETUP_SECONDS: i64 = 60;

/// A generated organization.
#[derive(Debug, Clone)]
pub struct Organization {
    /// Log files by key, compressed.
    pub logs: Vec<GeneratedFile>,
    /// Query statistics, costs, inventory and configuration, and the truth.
    pub extras: Vec<GeneratedFile>,
    /// The ground truth.
    pub truth: Truth,
}

/// Plays the plan.
#[must_use]
pub fn generate(plan: &DemoPlan) -> Organization {
    let mut stage = Stage::new(plan.seed);
    let consumers = &CONSUMERS[..plan.consumers.clamp(1, CONSUMERS.len())];
    let mut scenes = Scene::ALL.iter().copied().cycle();
    let side_scenes = SideScene::ALL.iter().copied();
    let is_played = |scene: &SideScene| plan.strangers || *scene != SideScene::Spoof;
    let mut side_scenes = side_scenes
        .filter(is_played)
        .collect::<Vec<_>>()
        .into_iter()
        .cycle();
    let first = usize::try_from(plan.seed).unwrap_or(0) % RareScene::ALL.len();
    let mut rare_scenes = RareScene::ALL.iter().copied().cycle().skip(first);
    let mesh_scenes: &[MeshScene] = if plan.oddities {
        &MeshScene::ALL
    } else {
        &MeshScene::USUAL
    };
    let mut mesh_scenes = mesh_scenes.iter().copied().cycle().skip(first);
    if plan.mesh_per_day > 0 {
        stage.set_up_mesh(consumers, plan.start.plus(MESH_SETUP_SECONDS));
    }
    let first = usize::try_from(plan.seed).unwrap_or(0) % RoadScene::ALL.len();
    let mut road_scenes = RoadScene::ALL.iter().copied().cycle().skip(first);
    if plan.roads_per_day() > 0 {
        stage.set_up_roads(consumers, plan.start.plus(MESH_SETUP_SECONDS));
    }
    for day in 0..plan.days {
        let midnight = plan.start.plus(i64::from(day) * 86_400);
        for consumer in consumers {
            for slot in slots(&mut stage, plan.chains_per_day) {
                let is_odd = plan.oddities && stage.chance.once_in(plan.odd_one_in);
                let scene = if is_odd { scenes.next() } else { None };
                let at = midnight.plus(slot * SLOT_SECONDS);
                stage.quick(scene.unwrap_or(Scene::Plain), consumer, at);
            }
            if plan.oddities {
                for scene in side_scenes.by_ref().take(2) {
                    let at = midnight.plus(43_200 + stage.chance.seconds(0, 3600));
                    stage.side(scene, consumer, at);
                }
            }
        }
        if plan.oddities {
            let rare = rare_scenes.by_ref().take(plan.rare_per_day);
            for (scene, consumer, at) in placed(rare, consumers, midnight, RARE_PLACE) {
                stage.rare(scene, consumer, at);
            }
        }
        let mesh = mesh_scenes.by_ref().take(plan.mesh_per_day);
        for (scene, consumer, at) in placed(mesh, consumers, midnight, MESH_PLACE) {
            stage.mesh(scene, consumer, at);
        }
        let roads = road_scenes.by_ref().take(plan.roads_per_day());
        for (scene, consumer, at) in placed(roads, consumers, midnight, ROADS_PLACE) {
            stage.road(scene, consumer, at);
        }
        if plan.oddities {
            // A session that outlives its day.
            stage.quick(Scene::Plain, &consumers[0], midnight.plus(86_393));
        }
        for place in noise::places() {
            noise::day(&mut stage, place, midnight, plan.noise_per_day);
        }
    }
    if plan.incidents {
        stage.append(incidents::play(plan, consumers));
    }
    finish(stage, plan)
}

/// Scenes of a day with their consumers and times.
fn placed<S>(
    scenes: impl Iterator<Item = S>,
    consumers: &[ConsumerCast],
    midnight: UtcSecond,
    place: DayPlace,
) -> impl Iterator<Item = (S, &ConsumerCast, UtcSecond)> {
    let scenes = scenes.zip(consumers.iter().cycle()).zip(0i64..);
    scenes.map(move |((scene, consumer), number)| {
        let slot = place.first_slot + 4 * number;
        let at = midnight.plus(slot * SLOT_SECONDS + place.offset_seconds);
        (scene, consumer, at)
    })
}

/// Different slots of a day for so many chains, never the first or the last.
fn slots(stage: &mut Stage, count: usize) -> Vec<i64> {
    let slots_per_day = 86_400 / SLOT_SECONDS - 2;
    let mut slots: Vec<i64> = (1..slots_per_day).collect();
    stage.chance.shuffle(&mut slots);
    slots.truncate(count);
    slots.sort_unstable();
    slots
}

fn finish(mut stage: Stage, plan: &DemoPlan) -> Organization {
    stage.note_open_conversations();
    let mut truth = std::mem::take(&mut stage.truth);
    truth.chains.sort();
    let extras = extras::extras(&stage, &truth, plan);
    let laid = layout::lay_out(stage, plan);
    truth.record_count = laid.record_count;
    truth.duplicate_count = laid.duplicate_count;
    let mut extras = extras;
    extras.push(GeneratedFile {
        key: "ground-truth.json".into(),
        body: extras::pretty(&truth),
    });
    extras.sort_by(|left, right| left.key.cmp(&right.key));
    Organization {
        logs: laid.files,
        extras,
        truth,
    }
}
